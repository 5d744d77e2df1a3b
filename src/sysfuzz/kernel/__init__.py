"""The flag-enforcement core under test. Knows neither the emulator nor the spec."""
