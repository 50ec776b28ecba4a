/** The suites of this folder drive nodes that use the installed package, not the sources. */
import apart from '../jest.apart.config.mjs';

export default { ...apart, rootDir: '../..', globalSetup: '<rootDir>/test/processes/support/install.mjs' };
