/** What registries say of the package in their lists. */
export const DESCRIPTION =
  "The convolution layers of torch.nn on the CPU, on all cores, by code that is generated for the sizes at hand";
