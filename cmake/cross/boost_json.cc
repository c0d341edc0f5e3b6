// Boost.JSON's definitions, for builds without its library (cmake/CrossLibraries.cmake).
#include <boost/json/src.hpp>
