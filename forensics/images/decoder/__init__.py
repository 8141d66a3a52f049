"""The process that decodes: run as a folder by `forensics.images.process`, never imported by the package."""
