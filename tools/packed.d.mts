export function pack(folder: string): { tarball: string; entryCount: number; size: number };
export function installPacked(others?: readonly string[]): { folder: string; remove: () => void };
