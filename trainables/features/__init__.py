"""What a network reads, computed once and kept: features of frozen backbones, pixels of images."""
