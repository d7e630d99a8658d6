"""TensorBoard event files of a study."""
