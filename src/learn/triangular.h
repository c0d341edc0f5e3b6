// Symmetric matrices as products of triangles, in double.
#pragma once

#include <cstddef>
#include <vector>

namespace bantam {

// Eight sums side by side, which the compiler keeps in vectors.
double DotD(const double* a, const double* b, size_t count);

// R upper with R R^T = h, in place of h [n, n]: what was below the diagonal stays as it was. A pivot that is not above
// zero counts as 1e-30.
void FactorUpper(std::vector<double>& h, size_t n);

// The inverse of an upper triangle; zero below the diagonal.
std::vector<double> InvertUpper(const std::vector<double>& r, size_t n);

}  // namespace bantam
