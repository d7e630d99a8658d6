"""The report's staged study, run for real: where its time goes, beside the least that it could take."""
