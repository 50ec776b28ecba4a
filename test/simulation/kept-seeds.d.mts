export const KEPT_SEEDS: readonly { readonly seed: number; readonly about: string }[];
