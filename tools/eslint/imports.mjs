/** Every way in which a module names another one. */

/** @returns visitors that call `onImport(source, node, isTypeOnly)` with the literal that names the module */
export function onImports(onImport) {
  const report = (literal) => {
    if (literal?.type === 'Literal' && typeof literal.value === 'string') onImport(literal.value, literal);
  };
  return {
    ImportDeclaration: ({ source }) => report(source),
    ExportNamedDeclaration: ({ source }) => report(source),
    ExportAllDeclaration: ({ source }) => report(source),
    ImportExpression: ({ source }) => report(source),
    TSImportEqualsDeclaration: ({ moduleReference }) => report(moduleReference.expression),
    TSImportType: ({ source, argument }) => report(source ?? argument?.literal),
    'CallExpression[callee.name="require"]': (call) => report(call.arguments[0]),
  };
}
