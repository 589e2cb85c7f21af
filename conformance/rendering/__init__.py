"""What people and their tools read: a report in the terminal or as JUnit's XML, kill matrices, proofs."""
