"""Label files and image folders become a manifest, and a manifest becomes splits, without Keras or Ray."""
