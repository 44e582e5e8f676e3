"""What the scripts share: the table and its split, the network, the saved model, the pictures."""
