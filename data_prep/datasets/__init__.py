"""The data sets that can be read, and the sample that is drawn: label files and images become rows."""
