/** Finds the uses of what the platform offers to every module, however it is reached. */

const GLOBAL_OBJECTS = new Set(['globalThis', 'global']);

/**
 * Visitors that call `onUse(path, node, parent)` with what is used, as dotted names: `Date.now` for `globalThis.Date.now()`
 * as well as for `const { now } = Date`, and `node:crypto.randomBytes` for whatever name it was imported as.
 *
 * @param modules names of modules to follow, without `node:`
 */
export function onPlatformUse(context, modules, onUse) {
  const { scopeManager } = context.sourceCode;

  return {
    'Program:exit'() {
      const { globalScope } = scopeManager;
      // Names that nothing in this file declares.
      const free = [
        ...globalScope.through,
        ...globalScope.variables.filter(({ defs }) => defs.length === 0).flatMap(({ references }) => references),
      ];
      for (const { identifier } of new Set(free)) {
        if (!isType(identifier)) follow(identifier, GLOBAL_OBJECTS.has(identifier.name) ? [] : [identifier.name]);
      }
    },

    ImportDeclaration(node) {
      const name = node.source.value.replace(/^node:/, '');
      if (!modules.includes(name) || node.importKind === 'type') return;
      const module = `node:${name}`;
      for (const specifier of node.specifiers) {
        if (specifier.importKind === 'type') continue;
        if (specifier.type === 'ImportSpecifier') {
          onUse(`${module}.${specifier.imported.name ?? specifier.imported.value}`, specifier);
          continue;
        }
        onUse(module, specifier);
        const [variable] = scopeManager.getDeclaredVariables(specifier);
        for (const { identifier } of variable.references) if (!isType(identifier)) follow(identifier, [module]);
      }
    },
  };

  /** Walks up `a.b.c` from `a`, and down into `const { b } = a`. */
  function follow(node, path) {
    let names = path;
    let top = node;
    while (top.parent.type === 'MemberExpression' && top.parent.object === top) {
      const name = propertyName(top.parent);
      if (name === undefined) break;
      top = top.parent;
      names = [...names, name];
    }
    if (names.length === 0) return;
    onUse(names.join('.'), top, top.parent);
    const { parent } = top;
    if (parent.type === 'VariableDeclarator' && parent.init === top && parent.id.type === 'ObjectPattern') {
      for (const property of parent.id.properties) {
        if (property.type === 'Property')
          onUse([...names, property.key.name ?? property.key.value].join('.'), property);
      }
    }
  }
}

function propertyName({ property, computed }) {
  if (!computed) return property.name;
  return property.type === 'Literal' ? String(property.value) : undefined;
}

/** `typeof setTimeout` in a type does not call it. */
function isType({ parent }) {
  return parent.type.startsWith('TS') && !/^TS(AsExpression|NonNullExpression|SatisfiesExpression)$/.test(parent.type);
}
