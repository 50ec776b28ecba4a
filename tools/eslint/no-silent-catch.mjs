/** Nobody swallows an error without a word: a handler that does nothing says in a comment why that is right. */
export default {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      silent: 'This swallows every error. Handle it, or say in a comment right here why nothing needs to be done.',
    },
  },

  create(context) {
    const { sourceCode } = context;
    return {
      CatchClause({ body }) {
        if (body.body.length === 0 && sourceCode.getCommentsInside(body).length === 0) {
          context.report({ node: body, messageId: 'silent' });
        }
      },
      'CallExpression[callee.property.name="catch"]'(call) {
        if (call.arguments.length === 1 && doesNothing(call.arguments[0]) && !isExplained(call)) {
          context.report({ node: call.arguments[0], messageId: 'silent' });
        }
      },
    };

    /** A comment within the call, on its last line, or on the line above the statement. */
    function isExplained(call) {
      let statement = call;
      while (!/Statement$|Declaration$|^PropertyDefinition$/.test(statement.parent.type)) statement = statement.parent;
      statement = statement.parent;
      const lines = { first: statement.loc.start.line - 1, last: statement.loc.end.line };
      return sourceCode.getAllComments().some(({ loc }) => loc.end.line >= lines.first && loc.start.line <= lines.last);
    }
  },
};

/** `() => {}`, `() => undefined`, `() => null` and `function () {}`. */
function doesNothing(handler) {
  if (handler.type !== 'ArrowFunctionExpression' && handler.type !== 'FunctionExpression') return false;
  const { body } = handler;
  if (body.type === 'BlockStatement') return body.body.length === 0;
  return (
    (body.type === 'Identifier' && body.name === 'undefined') ||
    (body.type === 'Literal' && body.value === null) ||
    (body.type === 'UnaryExpression' && body.operator === 'void' && body.argument.type === 'Literal')
  );
}
