"""Studies that use a suite to answer a question: discovery, calibration, emergence, mining, matrix, bisection."""
