"""What more training images would give: AUC on a fixed test pool against the number of images trained on."""
