"""Where cases come from: regimes of gradient histories, hyperparameters, and the strategies that combine them."""
