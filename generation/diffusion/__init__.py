"""Any diffusers pipeline as a generator, with LoRA and IP-Adapter."""
