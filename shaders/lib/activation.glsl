// activation.glsl: the functions between the two layers of an MLP.

// 1 / (1 + exp (−x)); the bound keeps exp () finite where x is very negative.
float
sigmoid (float x)
{
  return 1.0 / (1.0 + exp (min (-x, 80.0)));
}
