/** The environment is read in one file of each application; everything else is told what it needs. */
import { onPlatformUse } from './globals.mjs';

export default {
  meta: {
    type: 'problem',
    schema: [],
    messages: { environment: 'Read the environment in apps/*/src/config.ts only, and hand on what it says.' },
  },

  create(context) {
    return onPlatformUse(context, ['process'], (use, node) => {
      if (/^(node:)?process\.env(\.|$)/.test(use)) context.report({ node, messageId: 'environment' });
    });
  },
};
