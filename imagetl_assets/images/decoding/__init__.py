"""What `decode` needs to show pictures as the best viewers do: colours, depths, animated PNGs."""
