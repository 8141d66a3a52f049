"""Commands about detectors and faces in photographs."""
