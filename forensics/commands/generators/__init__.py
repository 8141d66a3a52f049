"""Commands about generators: training, weights files, quality, the explorer."""
