"""What Adam is: the golden update, the enclosure of its admissible evaluations, an exact second reference."""
