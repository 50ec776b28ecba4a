/** Arrows point down only, and a lib is entered through its face: see `tools/layers.mjs`. */
import { isBuiltin } from 'node:module';
import { dirname, resolve } from 'node:path';
import { faces, isFace, layerOf, NEST_LIBS, PEER_OWNERS, peers, placeOf, UNPUBLISHED_LIBS } from '../layers.mjs';
import { onImports } from './imports.mjs';

export default {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      unknownLib: 'libs/{{lib}} is in no layer yet: add it to tools/layers.mjs.',
      upwards:
        'libs/{{lib}} must not import libs/{{target}}: arrows point down only, from row to row of tools/layers.mjs.',
      insideLib: '{{source}} is a path inside libs/{{target}}: import one of its faces instead ({{faces}}).',
      noFace: '{{source}} is no face of any lib: the faces are the aliases in tsconfig.json.',
      ownFace: 'Inside of a lib import the file that is needed, not the face of the lib: import cycles begin there.',
      outOfLib: 'A lib must not import {{source}}: that is neither a lib nor a package.',
      otherApp: 'apps/{{app}} must not import a file of apps/{{target}}: what two applications share belongs in a lib.',
      nest: 'libs/{{lib}} must not import {{source}}: only {{libs}} and the applications know Nest.',
      package: 'libs/{{lib}} must not import {{source}}: what lies below `cluster` runs without any installed package.',
      noPeer: 'libs/{{lib}} must not import {{source}}: it is published, and that is none of its peer dependencies.',
      optionalPeer: 'Only {{face}} may import {{source}}: applications without that package could not start otherwise.',
      deep: '{{source}} is a path inside of a package of Nest, which may change with any release.',
    },
  },

  create(context) {
    const from = placeOf(context.filename);
    if (from.lib === undefined && !(from.app !== undefined && from.isSource)) return {};

    return onImports((source, node) => {
      const report = (messageId, data = {}) => context.report({ node, messageId, data: { ...from, source, ...data } });
      if (source.startsWith('.')) return checkPath(source, report);
      if (faces.has(source)) return checkFace(source, report);
      if (/^(@rookery\/|rookery(\/|$))/.test(source)) return report('noFace');
      if (!isBuiltin(source)) return checkPackage(source, report);
    });

    function checkPath(source, report) {
      const target = placeOf(resolve(dirname(context.filename), source.replace(/\.js$/, '.ts')));
      if (from.app !== undefined) {
        if (target.lib !== undefined) report('insideLib', { target: target.lib, faces: facesOf(target.lib) });
        else if (target.app !== from.app) report('otherApp', { target: target.app ?? target.path });
      } else if (target.lib === from.lib) {
        if (isFace(target.path) && from.isSource) report('ownFace');
      } else if (target.lib !== undefined) {
        report('insideLib', { target: target.lib, faces: facesOf(target.lib) });
      } else {
        report('outOfLib');
      }
    }

    function checkFace(source, report) {
      if (from.app !== undefined) return;
      const target = faces.get(source).split('/')[1];
      // A spec may look at its lib from outside: nothing imports a spec.
      if (target === from.lib) return from.isSource && report('ownFace');
      if (layerOf(from.lib) === -1) return report('unknownLib');
      // The specs of any layer may use what `testing` offers to tests.
      if (target === 'testing' && !from.isSource) return;
      if (layerOf(target) >= layerOf(from.lib)) report('upwards', { target });
    }

    function checkPackage(source, report) {
      const name = source.split('/', source.startsWith('@') ? 2 : 1).join('/');
      const isNest = name.startsWith('@nestjs/');
      if (isNest && name !== source && from.isSource) return report('deep');
      if (from.app !== undefined || !from.isSource) return;
      const owner = PEER_OWNERS[name];
      if (owner !== undefined && owner === from.lib) return;
      if (isNest && !NEST_LIBS.includes(from.lib)) return report('nest', { libs: NEST_LIBS.join(', ') });
      if (!NEST_LIBS.includes(from.lib)) return report('package');
      if (UNPUBLISHED_LIBS.includes(from.lib)) return;
      if (!peers.includes(name)) return report('noPeer');
      if (owner !== undefined) return report('optionalPeer', { face: faces.get(`rookery/${owner}`) });
      // A peer that gave its name to a face is for those who import that face: `typeorm`, and `@opentelemetry/api` by its scope.
      const face = faces.get(`rookery/${name.replace(/^@|\/.*$/g, '')}`);
      if (face !== undefined && dirname(face) !== dirname(from.path)) report('optionalPeer', { face });
    }
  },
};

function facesOf(lib) {
  const found = [...faces].filter(([, path]) => path.startsWith(`libs/${lib}/`)).map(([alias]) => alias);
  return found.join(', ') || 'it has none yet';
}
