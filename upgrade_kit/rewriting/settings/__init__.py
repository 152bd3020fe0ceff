"""What a site's local_settings.py must become for a later version: text in, text out."""
