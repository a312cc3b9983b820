"""GLSL sources of the face renderer: one vertex layout, one fragment shader for each kind of surface."""

from __future__ import annotations

# Kinds of surface.
TEXTURED = 0  # skin that takes its colour from a portrait, at two places blended
EYEBALL = 1  # colour from the direction inside the eyeball
FLAT = 2  # one colour: teeth, tongue, mouth, lashes
BACKDROP = 3  # portrait colours lit as if they faced the camera (hair and room behind a turned portrait)
PAINTED = 4  # vertex colour times the texture: procedural skin

# position, normal, uv_a, uv_b, mix, colour, occlusion, place on the map of folds
ATTRIBUTES = {
    "in_position": 3,
    "in_normal": 3,
    "in_uv_a": 2,
    "in_uv_b": 2,
    "in_mix": 1,
    "in_colour": 3,
    "in_occlusion": 1,
    "in_fold": 2,
}
FLOATS_PER_VERTEX = 17

VERTEX = """
#version 330
in vec3 in_position; in vec3 in_normal; in vec2 in_uv_a; in vec2 in_uv_b; in float in_mix;
in vec3 in_colour; in float in_occlusion; in vec2 in_fold;
out vec3 normal; out vec2 uv_a; out vec2 uv_b; out float blend; out vec3 colour; out float occlusion; out vec2 fold;
void main() {
    gl_Position = vec4(in_position, 1.0);
    normal = in_normal; uv_a = in_uv_a; uv_b = in_uv_b; blend = in_mix;
    colour = in_colour; occlusion = in_occlusion; fold = in_fold;
}
"""

_HEAD = """
#version 330
in vec3 normal; in vec2 uv_a; in vec2 uv_b; in float blend; in vec3 colour; in float occlusion; in vec2 fold;
out vec4 result;
uniform sampler2D portrait;
uniform sampler2D folds;     // depth of the skin's folds, then their slopes around 0.5
uniform vec3 fold_left;      // the head's x axis in camera space, and its y axis
uniform vec3 fold_up;
uniform vec2 fold_strength;  // how dark the deepest fold is, how steep its walls
uniform vec3 ambient;        // colour of light from everywhere
uniform vec4 hemisphere;     // direction, strength: how much brighter it is on that side
uniform vec4 lamp;           // direction, wrap 0..1
uniform vec3 lamp_colour;    // colour times strength
uniform vec2 gloss;          // strength, exponent of the skin's specular part
uniform vec3 tint;           // multiplies the portrait's skin
uniform vec3 iris_colour;
uniform vec4 iris_shape;     // cosine of the iris' and the pupil's half angle, limbal ring darkness, seed
uniform vec4 sclera;         // colour, lid shadow strength
uniform vec3 glint;          // direction of the corneal reflection in camera space
uniform float glint_strength;

vec3 lit(vec3 n, float wrap) {
    vec3 light = ambient * (1.0 + hemisphere.w * dot(n, hemisphere.xyz));
    return light + lamp_colour * max(0.0, (dot(n, lamp.xyz) + wrap) / (1.0 + wrap));
}
float shine(vec3 n) {
    vec3 half_way = normalize(lamp.xyz + vec3(0.0, 0.0, 1.0));
    return gloss.x * pow(max(dot(n, half_way), 0.0), gloss.y);
}
vec3 folded(vec3 n, vec3 map) {
    vec2 slope = fold_strength.y * (map.yz - 0.502) * 2.0;  // 128 of 255 is level
    return normalize(n + slope.x * fold_left + slope.y * fold_up);
}
void main() {
    vec3 n = normalize(normal);
"""

_FOLDED = """
    vec3 map = texture(folds, fold).rgb;
    n = folded(n, map);
    vec3 hollow = 1.0 - fold_strength.x * map.x * vec3(0.75, 1.0, 1.1);  // light in a fold has been in skin before
"""

_TEXTURED = """
    // For this kind `colour` fills in for hidden skin and `occlusion` is the weight of the texture against it.
    vec3 base = mix(colour, mix(texture(portrait, uv_a).rgb, texture(portrait, uv_b).rgb, blend), occlusion);
    result = vec4(base * hollow * tint * lit(n, lamp.w) + shine(n) * lamp_colour, 1.0);
}
"""

_EYEBALL = """
    vec3 d = normalize(colour);          // direction inside the eyeball, +z through the pupil
    float c = d.z;
    vec2 around = d.xy / max(length(d.xy), 1e-4);
    float fibres = 0.5 + 0.25 * sin(around.x * 17.0 + iris_shape.w) * sin(around.y * 23.0 + 2.0 * iris_shape.w);
    float soft = max(fwidth(c), 0.004);
    float inside = smoothstep(iris_shape.x - soft, iris_shape.x + soft, c);
    float rim = 1.0 - iris_shape.z * (1.0 - smoothstep(iris_shape.x, mix(iris_shape.x, 1.0, 0.30), c));
    float hole = smoothstep(iris_shape.y - soft, iris_shape.y + soft, c);
    vec3 white = sclera.rgb * (0.86 + 0.14 * smoothstep(0.3, 0.9, c));
    vec3 base = mix(white, iris_colour * (0.65 + 0.7 * fibres) * rim, inside);
    base = mix(base, vec3(0.02), hole);
    float corner = 0.5 * smoothstep(0.35, 0.75, abs(uv_a.x));
    float shade = 1.0 - sclera.w * (smoothstep(-0.05, 0.42, uv_a.y) + corner);
    vec3 light = 0.35 * lit(vec3(0.0, 0.0, 1.0), 1.0) + 0.65 * lit(n, 0.8);
    float spot = glint_strength * smoothstep(0.990, 0.996, dot(n, glint));
    result = vec4(base * light * clamp(shade, 0.15, 1.0) * occlusion + spot * vec3(0.9), 1.0);
}
"""

_FLAT = """
    result = vec4((colour * lit(n, 0.6) + 0.3 * shine(n) * lamp_colour) * occlusion, 1.0);
}
"""

_BACKDROP = """
    result = vec4(texture(portrait, uv_a).rgb * lit(vec3(0.0, 0.0, 1.0), lamp.w), 1.0);
}
"""

_PAINTED = """
    vec3 base = colour * mix(vec3(1.0), texture(portrait, uv_a).rgb * 2.0, 0.6);
    result = vec4(base * hollow * lit(n, lamp.w) * occlusion + shine(n) * lamp_colour, 1.0);
}
"""

# One program per kind: the software rasteriser runs every branch of a shader for every pixel.
FRAGMENTS = {
    TEXTURED: _HEAD + _FOLDED + _TEXTURED,
    EYEBALL: _HEAD + _EYEBALL,
    FLAT: _HEAD + _FLAT,
    BACKDROP: _HEAD + _BACKDROP,
    PAINTED: _HEAD + _FOLDED + _PAINTED,
}
