"""Pictures: the one decoder of build, extraction and prediction, and what it refuses."""
