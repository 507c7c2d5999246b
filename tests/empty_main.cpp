// The program around a layer that is linked whole; see house.cmake.
int main() { return 0; }
