"""Fine-tuning a diffusion model by LoRA."""
