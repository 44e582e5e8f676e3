"""The tests, laid out as the house is: unit, flow, drivers, e2e, and the real parts they run against."""
