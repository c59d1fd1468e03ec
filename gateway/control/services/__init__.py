"""What the site sells, beyond following a target: what each service does before, during and after its requests."""
