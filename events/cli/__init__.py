"""One command a file: the composition root, the only place that knows sources, bus and sensors together."""
