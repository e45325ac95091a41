"""Requests and answers, as the OpenAPI document describes them."""
