"""Strict YAML 1.2: text -> plain data with places (`text`), and that data against a typed form (`form`)."""

from gateway.yamltext.text import MAX_BYTES, MAX_DEPTH, Document, KeyPath, Place, read_file, read_text, show

__all__ = ["MAX_BYTES", "MAX_DEPTH", "Document", "KeyPath", "Place", "read_file", "read_text", "show"]
