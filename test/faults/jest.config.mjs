/** The suites of this folder drive nodes that use the installed package, as those of `test/processes` do. */
import processes from '../processes/jest.config.mjs';

export default processes;
