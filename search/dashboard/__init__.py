"""A live page on studies, which reads their folders only: it needs no Ray, no Keras and no running search."""
