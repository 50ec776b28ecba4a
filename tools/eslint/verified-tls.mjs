/** No connection without a check of who is at the other end. */
const OPTION = 'rejectUnauthorized';
// eslint-disable-next-line rookery/verified-tls -- to be found elsewhere
const VARIABLE = 'NODE_TLS_REJECT_UNAUTHORIZED';

export default {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      unverified: `Only \`${OPTION}: true\` may be written: anything else lets a stranger in the middle read and change all.`,
      variable: `${VARIABLE} switches the checks of the whole process off.`,
    },
  },

  create(context) {
    const check = (name, value, node) => {
      if (name === OPTION && !(value?.type === 'Literal' && value.value === true)) {
        context.report({ node, messageId: 'unverified' });
      }
    };
    const checkName = (name, node) => {
      if (name === VARIABLE) context.report({ node, messageId: 'variable' });
    };
    return {
      'ObjectExpression > Property': (node) => check(node.key.name ?? node.key.value, node.value, node),
      'AssignmentExpression[left.type="MemberExpression"]': ({ left, right }) =>
        check(left.property.name ?? left.property.value, right, left),
      Identifier: (node) => checkName(node.name, node),
      Literal: (node) => checkName(node.value, node),
    };
  },
};
