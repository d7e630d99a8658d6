"""What lies in a study's folder, and its readers."""
