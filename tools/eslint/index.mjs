/** The rules of this repository that no published plugin holds. `test/tools/lint-rules.spec.ts` proves each of them. */
import environment from './environment.mjs';
import layers from './layers.mjs';
import noSilentCatch from './no-silent-catch.mjs';
import timeAndChance from './time-and-chance.mjs';
import verifiedTls from './verified-tls.mjs';

export default {
  meta: { name: 'rookery' },
  rules: {
    environment,
    layers,
    'no-silent-catch': noSilentCatch,
    'time-and-chance': timeAndChance,
    'verified-tls': verifiedTls,
  },
};
