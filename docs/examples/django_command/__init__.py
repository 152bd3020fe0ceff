"""An application that brings the command ``qatrack_procedures`` into a Django project."""
