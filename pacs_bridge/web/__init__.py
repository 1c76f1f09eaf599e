"""The web pages: Flask; one blueprint = one module = one URL prefix = one template folder."""
