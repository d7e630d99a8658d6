"""What the final model says of photographs, as a table, figures and a grid."""
