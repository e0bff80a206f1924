"""Small backbones of keras-hub, each from its config, with random weights, and what `attention_model` reads of them."""

import keras
import keras_hub
import numpy as np

from course_hw5.explanation.extract import extractor

models, layers = keras_hub.models, keras_hub.layers

TEXT = {"vocabulary_size": 50, "num_layers": 2, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}
CAUSAL = {
    "vocabulary_size": 50,
    "num_layers": 2,
    "num_query_heads": 4,
    "num_key_value_heads": 2,
    "hidden_dim": 16,
    "intermediate_dim": 16,
}
IMAGE = {"num_layers": 2, "num_heads": 2, "hidden_dim": 8}
SMALL = {"image_shape": (32, 32, 3)}
OPEN = {"boxes": 1, "box_labels": 1}  # how many are read, of others 6
SOUND = {"encoder_input_values": 4000, "encoder_padding_mask": 4000}
VIT = IMAGE | SMALL | {"patch_size": 8}
TOWER = {"num_layers": 2, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}
T5GEMMA = {"vocabulary_size": 50} | {
    f"{side}_{name}": value
    for side in ("encoder", "decoder")
    for name, value in {
        "hidden_dim": 16,
        "intermediate_dim": 16,
        "num_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 4,
        "layer_types": ["full_attention", "sliding_attention"],
    }.items()
}
T5GEMMA["sliding_window"] = 4
QWEN3_5 = CAUSAL | {
    "head_dim": 8,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 4,
    "linear_value_head_dim": 4,
}
EXPERTS = {"num_experts": 2, "top_k": 1}
SMOLLM3 = {
    "vocabulary_size": 50,
    "hidden_dim": 16,
    "intermediate_dim": 16,
    "num_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "attention_bias": False,
    "attention_dropout": 0.0,
    "rope_layer_enabled_list": [True, False],
    "layer_types": ["attention", "attention"],
    "mlp_bias": False,
    "layer_norm_epsilon": 1e-6,
    "max_position_embeddings": 64,
    "rope_theta": 10000,
    "partial_rotary_factor": 1.0,
}
GEMMA3N = {
    "text_vocab_size": 50,
    "text_hidden_size": 8,
    "num_hidden_layers": 2,
    "pad_token_id": 0,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 4,
    "intermediate_size": [16, 16],
    "hidden_activation": "gelu_approximate",
    "layer_types": ["full_attention", "sliding_attention"],
    "sliding_window": 4,
    "rope_theta": 10000.0,
    "max_position_embeddings": 16,
    "vocab_size_per_layer_input": 50,
    "hidden_size_per_layer_input": 2,
    "altup_num_inputs": 2,
    "laurel_rank": 1,
}
HGNET = {
    "stem_channels": [3, 8, 8],
    "stackwise_stage_filters": [[8, 8, 16, 1, 3, 3], [16, 8, 32, 1, 3, 3], [32, 8, 64, 1, 3, 3], [64, 16, 128, 1, 3, 3]],
    "apply_downsample": [False, True, True, True],
    "use_lightweight_conv_block": [False, False, True, True],
    "depths": [1, 1, 1, 1],
    "hidden_sizes": [16, 32, 64, 128],
    "embedding_size": 8,
    "use_learnable_affine_block": True,
    "hidden_act": "relu",
    "image_shape": (None, None, 3),
    "out_features": ["stage3", "stage4"],
}
D_FINE = {
    "decoder_in_channels": [16, 16],
    "encoder_hidden_dim": 16,
    "num_denoising": 0,
    "num_labels": 5,
    "hidden_dim": 16,
    "learn_initial_query": False,
    "num_queries": 10,
    "anchor_image_size": (64, 64),
    "feat_strides": [16, 32],
    "num_feature_levels": 2,
    "encoder_in_channels": [64, 128],
    "encode_proj_layers": [1],
    "num_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "num_encoder_layers": 1,
    "hidden_expansion": 0.34,
    "depth_multiplier": 0.5,
    "eval_idx": -1,
    "num_decoder_layers": 2,
    "decoder_attention_heads": 2,
    "decoder_ffn_dim": 16,
    "decoder_n_points": [3, 3],
    "lqe_hidden_dim": 8,
    "num_lqe_layers": 2,
    "out_features": ["stage3", "stage4"],
    "image_shape": (64, 64, 3),
}
MOBILENET_V5 = {
    "stackwise_block_types": [["er"], ["uir", "mqa"]],
    "stackwise_num_blocks": [1, 2],
    "stackwise_num_filters": [[8], [16, 16]],
    "stackwise_strides": [[2], [2, 1]],
    "stackwise_act_layers": [["relu"], ["relu", "relu"]],
    "stackwise_exp_ratios": [[2.0], [2.0, 2.0]],
    "stackwise_se_ratios": [[0.0], [0.0, 0.0]],
    "stackwise_dw_kernel_sizes": [[0], [3, 3]],
    "stackwise_dw_start_kernel_sizes": [[0], [0, 0]],
    "stackwise_dw_end_kernel_sizes": [[0], [0, 0]],
    "stackwise_exp_kernel_sizes": [[3], [0, 0]],
    "stackwise_pw_kernel_sizes": [[1], [0, 0]],
    "stackwise_num_heads": [[0], [0, 2]],
    "stackwise_key_dims": [[0], [0, 8]],
    "stackwise_value_dims": [[0], [0, 8]],
    "stackwise_kv_strides": [[0], [0, 1]],
    "stackwise_use_cpe": [[False], [False, False]],
    "use_msfa": False,
    "image_shape": (32, 32, 3),
}


def blip2():
    sizes = {"num_heads": 2, "num_layers": 2, "hidden_dim": 8, "intermediate_dim": 16}
    vision = models.BLIP2VisionEncoder(
        **sizes,
        image_size=32,
        patch_size=8,
        use_patch_bias=True,
        use_class_token=True,
        use_mha_bias=True,
        use_mlp_bias=True,
        dropout_rate=0.0,
        layer_norm_epsilon=1e-6,
        initializer_range=0.02,
    )
    qformer = models.BLIP2QFormer(
        **sizes, num_query_tokens=4, vision_dim=8, cross_attention_frequency=1, dropout=0.0, layer_norm_epsilon=1e-6
    )
    language = models.BLIP2CustomOPT(
        **sizes, vocabulary_size=50, num_query_tokens=4, dropout=0.0, max_sequence_length=32, qformer_hidden_dim=8
    )
    return models.BLIP2Backbone(vision_encoder=vision, qformer=qformer, language_model=language)


def towers(name):
    """Of CLIP and its kin: an encoder of images and one of texts."""
    vision = getattr(models, f"{name}VisionEncoder")(**TOWER | SMALL, patch_size=8)
    text = getattr(models, f"{name}TextEncoder")(**TOWER, vocabulary_size=50, embedding_dim=8, max_sequence_length=6)
    projected = {} if name == "SigLIP" else {"projection_dim": 8}
    return getattr(models, f"{name}Backbone")(vision_encoder=vision, text_encoder=text, **projected)


def depth_anything():
    encoder = models.DINOV2Backbone(
        **TOWER | {"num_layers": 4}, patch_size=8, image_shape=(64, 64, 3), position_embedding_shape=(64, 64)
    )
    return models.DepthAnythingBackbone(
        image_encoder=encoder,
        reassemble_factors=[4, 2, 1, 0.5],
        neck_hidden_dims=[8, 8, 8, 8],
        fusion_hidden_dim=8,
        head_hidden_dim=8,
        head_in_index=-1,
        feature_keys=["stage1", "stage2", "stage3", "stage4"],
    )


def mit():
    return models.MiTBackbone(
        layerwise_depths=[1, 1],
        num_layers=2,
        layerwise_num_heads=[1, 2],
        layerwise_sr_ratios=[2, 1],
        max_drop_path_rate=0.0,
        layerwise_patch_sizes=[7, 3],
        layerwise_strides=[4, 2],
        hidden_dims=[8, 16],
        image_shape=(32, 32, 3),
    )


def segformer():
    encoder = models.MiTBackbone(
        layerwise_depths=[1, 1, 1, 1],
        num_layers=4,
        layerwise_num_heads=[1, 1, 2, 2],
        layerwise_sr_ratios=[4, 2, 1, 1],
        max_drop_path_rate=0.0,
        layerwise_patch_sizes=[7, 3, 3, 3],
        layerwise_strides=[4, 2, 2, 2],
        hidden_dims=[8, 16, 24, 32],
        image_shape=(64, 64, 3),
    )
    return models.SegFormerBackbone(image_encoder=encoder, projection_filters=8)


def sam():
    encoder = models.ViTDetBackbone(
        hidden_size=8,
        num_layers=2,
        intermediate_dim=16,
        num_heads=2,
        global_attention_layer_indices=[1],
        patch_size=16,
        num_output_channels=8,
        window_size=2,
        image_shape=(64, 64, 3),
    )
    prompt = layers.SAMPromptEncoder(hidden_size=8, image_embedding_size=(4, 4), input_image_size=(64, 64), mask_in_channels=4)
    decoder = layers.SAMMaskDecoder(
        num_layers=2, hidden_size=8, intermediate_dim=16, num_heads=2, embedding_dim=8, iou_head_hidden_dim=8
    )
    return models.SAMBackbone(image_encoder=encoder, prompt_encoder=prompt, mask_decoder=decoder)


def sam3():
    sizes = {"hidden_dim": 16, "intermediate_dim": 32, "num_heads": 2}
    image = {"image_shape": (56, 56, 3), "patch_size": 14}
    return models.SAM3PromptableConceptBackbone(
        vision_encoder=layers.SAM3VisionEncoder(
            **sizes | image,
            num_layers=2,
            fpn_hidden_dim=16,
            fpn_scale_factors=[4.0, 2.0, 1.0, 0.5],
            pretrain_image_shape=(28, 28, 3),
            window_size=2,
            global_attn_indexes=[1],
        ),
        text_encoder=layers.SAM3TextEncoder(**sizes, vocabulary_size=50, embedding_dim=16, num_layers=2),
        geometry_encoder=layers.SAM3GeometryEncoder(**sizes, num_layers=1, roi_size=7),
        detr_encoder=layers.SAM3DetrEncoder(**sizes, num_layers=1),
        detr_decoder=layers.SAM3DetrDecoder(**sizes | image, num_layers=1, num_queries=6),
        mask_decoder=layers.SAM3MaskDecoder(num_upsampling_stages=3, hidden_dim=16, num_heads=2),
    )


def stable_diffusion():
    from keras_hub.src.models.vae.vae_backbone import VAEBackbone  # which is not public

    filters = {"encoder_num_filters": [32, 32, 32, 32], "encoder_num_blocks": [1, 1, 1, 1]}
    filters |= {"decoder_num_filters": [32, 32, 32, 32], "decoder_num_blocks": [1, 1, 1, 1]}
    text = TOWER | {"hidden_dim": 16, "embedding_dim": 16, "vocabulary_size": 50, "max_sequence_length": 12}
    return models.StableDiffusion3Backbone(
        mmdit_patch_size=2,
        mmdit_hidden_dim=16,
        mmdit_num_layers=2,
        mmdit_num_heads=2,
        mmdit_position_size=16,
        mmdit_qk_norm=None,
        mmdit_dual_attention_indices=None,
        vae=VAEBackbone(**filters, sampler_method="mode"),
        clip_l=models.CLIPTextEncoder(**text, intermediate_output_index=0, name="clip_l"),
        clip_g=models.CLIPTextEncoder(**text, intermediate_output_index=0, name="clip_g"),
        image_shape=(32, 32, 3),
    )


def flux():
    return models.FluxBackbone(
        input_channels=8,
        hidden_size=16,
        mlp_ratio=2.0,
        num_heads=2,
        depth=1,
        depth_single_blocks=1,
        axes_dim=[2, 2, 4],
        theta=10000,
        use_bias=True,
        image_shape=(6, 8),
        text_shape=(4, 8),
        image_ids_shape=(6, 3),
        text_ids_shape=(4, 3),
        y_shape=(8,),
    )


def parseq():
    encoder = models.ViTBackbone(**VIT, mlp_dim=16, use_class_token=False)
    return models.PARSeqBackbone(
        image_encoder=encoder,
        vocabulary_size=50,
        max_label_length=6,
        decoder_hidden_dim=8,
        num_decoder_layers=1,
        num_decoder_heads=2,
        decoder_mlp_dim=16,
    )


BACKBONES = {  # those whose source has attention: the class of each, and what makes a small one
    "AlbertBackbone": lambda: models.AlbertBackbone(**TEXT, embedding_dim=4, max_sequence_length=12),
    "BLIP2Backbone": blip2,
    "BartBackbone": lambda: models.BartBackbone(**TEXT, max_sequence_length=12),
    "BertBackbone": lambda: models.BertBackbone(**TEXT, max_sequence_length=12),
    "BloomBackbone": lambda: models.BloomBackbone(**TEXT),
    "CLIPBackbone": lambda: towers("CLIP"),
    "DFineBackbone": lambda: models.DFineBackbone(backbone=models.HGNetV2Backbone(**HGNET), **D_FINE),
    "DINOV2Backbone": lambda: models.DINOV2Backbone(**TOWER | SMALL, patch_size=8, position_embedding_shape=(32, 32)),
    "DINOV3Backbone": lambda: models.DINOV3Backbone(**TOWER | SMALL, patch_size=8),
    "DebertaV3Backbone": lambda: models.DebertaV3Backbone(**TEXT, max_sequence_length=12, bucket_size=4),
    "DeiTBackbone": lambda: models.DeiTBackbone(**VIT, intermediate_dim=16),
    "DepthAnythingBackbone": depth_anything,
    "DistilBertBackbone": lambda: models.DistilBertBackbone(**TEXT, max_sequence_length=12),
    "ESMBackbone": lambda: models.ESMBackbone(**TEXT),
    "EdRecBackbone": lambda: models.EdRecBackbone(
        vocab_size=50, num_layers_enc=2, num_layers_dec=2, hidden_dim=8, intermediate_dim=16, num_heads=2
    ),
    "ElectraBackbone": lambda: models.ElectraBackbone(
        vocab_size=50, num_layers=2, num_heads=2, hidden_dim=8, embedding_dim=4, intermediate_dim=16, max_sequence_length=12
    ),
    "FalconBackbone": lambda: models.FalconBackbone(
        vocabulary_size=50, num_layers=2, num_attention_heads=2, hidden_dim=8, intermediate_dim=32
    ),
    "FluxBackbone": flux,
    "GPT2Backbone": lambda: models.GPT2Backbone(**TEXT, max_sequence_length=12),
    "GPTNeoXBackbone": lambda: models.GPTNeoXBackbone(**TEXT | {"hidden_dim": 16}),
    "Gemma3Backbone": lambda: models.Gemma3Backbone(**CAUSAL, head_dim=4, image_size=32),
    "Gemma3nBackbone": lambda: models.Gemma3nBackbone(**GEMMA3N),
    "Gemma4Backbone": lambda: models.Gemma4Backbone(**CAUSAL, head_dim=4, image_size=32),
    "GemmaBackbone": lambda: models.GemmaBackbone(**CAUSAL, head_dim=4),
    "GptOssBackbone": lambda: models.GptOssBackbone(**CAUSAL, **EXPERTS),
    "Llama3Backbone": lambda: models.Llama3Backbone(**CAUSAL),
    "LlamaBackbone": lambda: models.LlamaBackbone(**CAUSAL),
    "MetaCLIP2Backbone": lambda: towers("MetaCLIP2"),
    "MiTBackbone": mit,
    "MistralBackbone": lambda: models.MistralBackbone(**CAUSAL),
    "MixtralBackbone": lambda: models.MixtralBackbone(**CAUSAL, **EXPERTS),
    "MobileNetV5Backbone": lambda: models.MobileNetV5Backbone(**MOBILENET_V5),
    "MoonshineBackbone": lambda: models.MoonshineBackbone(
        vocabulary_size=50,
        filter_dim=8,
        encoder_num_layers=2,
        decoder_num_layers=2,
        hidden_dim=8,
        intermediate_dim=16,
        encoder_num_heads=2,
        decoder_num_heads=2,
    ),
    "OPTBackbone": lambda: models.OPTBackbone(**TEXT, max_sequence_length=12),
    "PARSeqBackbone": parseq,
    "PaliGemmaBackbone": lambda: models.PaliGemmaBackbone(
        **CAUSAL, head_dim=4, image_size=32, vit_patch_size=8, vit_num_heads=2, vit_hidden_dim=8, vit_num_layers=2
    ),
    "Phi3Backbone": lambda: models.Phi3Backbone(**CAUSAL),
    "Qwen2Backbone": lambda: models.Qwen2Backbone(**CAUSAL),
    "Qwen3Backbone": lambda: models.Qwen3Backbone(**CAUSAL, head_dim=4),
    "Qwen3MoeBackbone": lambda: models.Qwen3MoeBackbone(**CAUSAL, **EXPERTS, head_dim=4, moe_intermediate_dim=16),
    "Qwen3_5Backbone": lambda: models.Qwen3_5Backbone(**QWEN3_5, layer_types=["linear_attention", "full_attention"]),
    "Qwen3_5MoeBackbone": lambda: models.Qwen3_5MoeBackbone(
        **{name: value for name, value in QWEN3_5.items() if name != "intermediate_dim"},
        **EXPERTS,
        moe_intermediate_dim=16,
        shared_expert_intermediate_size=16,
        layer_types=["linear_attention", "full_attention"],
    ),
    "QwenMoeBackbone": lambda: models.QwenMoeBackbone(
        **CAUSAL, **EXPERTS, moe_intermediate_dim=16, shared_expert_intermediate_dim=16
    ),
    "RobertaBackbone": lambda: models.RobertaBackbone(**TEXT, max_sequence_length=12),
    "RoformerV2Backbone": lambda: models.RoformerV2Backbone(**TEXT, head_size=4),
    "SAM3PromptableConceptBackbone": sam3,
    "SAMBackbone": sam,
    "SegFormerBackbone": segformer,
    "SigLIPBackbone": lambda: towers("SigLIP"),
    "SmolLM3Backbone": lambda: models.SmolLM3Backbone(**SMOLLM3),
    "StableDiffusion3Backbone": stable_diffusion,
    "SwinTransformerBackbone": lambda: models.SwinTransformerBackbone(
        image_shape=(32, 32, 3), embed_dim=8, depths=(2, 2), num_heads=(2, 2), window_size=4
    ),
    "T5Backbone": lambda: models.T5Backbone(**TEXT),
    "T5Gemma2Backbone": lambda: models.T5Gemma2Backbone(**T5GEMMA),
    "T5GemmaBackbone": lambda: models.T5GemmaBackbone(**T5GEMMA),
    "ViTBackbone": lambda: models.ViTBackbone(**VIT, mlp_dim=16),
    "ViTDetBackbone": lambda: models.ViTDetBackbone(
        hidden_size=8,
        num_layers=2,
        intermediate_dim=16,
        num_heads=2,
        global_attention_layer_indices=[1],
        window_size=2,
        image_shape=(64, 64, 3),
    ),
    "VideoPrismBackbone": lambda: models.VideoPrismBackbone(
        num_frames=2,
        patch_size=8,
        hidden_dim=8,
        intermediate_dim=16,
        num_heads=2,
        num_spatial_layers=1,
        num_temporal_layers=1,
        num_auxiliary_layers=1,
        vocabulary_size=50,
        num_text_layers=1,
        image_shape=(32, 32, 3),
    ),
    "WhisperBackbone": lambda: models.WhisperBackbone(**TEXT, max_encoder_sequence_length=12, max_decoder_sequence_length=12),
    "XLMRobertaBackbone": lambda: models.XLMRobertaBackbone(**TEXT, max_sequence_length=12),
    "XLNetBackbone": lambda: models.XLNetBackbone(**TEXT),
}


def inputs_of(model):
    """Random inputs of two examples, the second of them padded."""
    random = np.random.default_rng(0)

    sizes = OPEN | (SOUND if "encoder_input_values" in [tensor.name for tensor in model.inputs] else {})

    def array(tensor):
        shape = tuple(size or (2 if axis == 0 else sizes.get(tensor.name, 6)) for axis, size in enumerate(tensor.shape))
        if "mask" in tensor.name:
            is_read = np.ones(shape)
            if len(shape) == 2:
                is_read[1, shape[1] - 2 :] = 0
            return is_read.astype(tensor.dtype)
        if "int" in tensor.dtype:
            return random.integers(0, 2 if "segment" in tensor.name or "labels" in tensor.name else 40, shape, tensor.dtype)
        return random.uniform(0, 1, shape).astype(tensor.dtype)

    return keras.tree.map_structure(array, model.input)


def as_floats(tensor):
    return keras.ops.convert_to_numpy(tensor).astype("float32")


def read(name):
    """What was read of a backbone.

    Returns:
        Dict from the paths of layers to arrays, and the largest difference of the outputs; or a string, why nothing was read.
    """
    model = BACKBONES[name]()
    inputs = inputs_of(model)
    expected = model(inputs, training=False)
    try:
        recording = extractor(model)
    except ValueError as error:
        return str(error)
    found = recording(inputs)
    differences = keras.tree.map_structure(
        lambda a, b: float(np.abs(as_floats(a) - as_floats(b)).max()), found["output"], expected
    )
    weights = {path: keras.ops.convert_to_numpy(array) for path, array in found["attention_weights"].items()}
    return weights, max(keras.tree.flatten(differences))
