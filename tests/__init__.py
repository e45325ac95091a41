"""Tests; this file keeps pytest from importing a test folder as a package of the product."""
