/** The suites that `npm test` leaves out. Each script names its folder. */
import base from '../jest.config.mjs';

export default { ...base, rootDir: '..', testPathIgnorePatterns: ['/node_modules/'] };
