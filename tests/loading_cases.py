"""What becomes of the checkpoints of ../shared/cases/loading, by case and checkpoint."""

# Words of the one line that refuses it.
REFUSED = {
    "01-lora-folder/llava-v1.5-7b-task-lora": [
        "a LoRA adapter of lmsys/vicuna-7b-v1.5",
        "adapter_config.json",
        "merge",
    ],
    "01-lora-folder/llava-lora-bin": ["a LoRA adapter of lmsys/vicuna-7b-v1.5", "merge"],
    "01-lora-folder/emma-lora": ["a LoRA adapter of lmsys/vicuna-7b-v1.5", "merge"],
    "03-llava-hf-folder/llava-1.5-7b-hf": ["llava-1.5-7b-hf", "tokenizer.json is missing"],
    "04-mistral-template/llava-v1.6-mistral-7b": ["config.json", "mm_patch_merge_type 'spatial_unpad'"],
    "05-anyres-max/anyres_max_9": ["config.json", "mm_patch_merge_type 'spatial_unpad'"],
    "05-anyres-max/crop_split": ["image_aspect_ratio 'crop_split'", "pad"],
    "05-anyres-max/highres": ["image_aspect_ratio 'highres'", "square"],
    "05-anyres-max/resampler": ["mm_resampler_type 'spatial_pool'"],
    "05-anyres-max/model_type_qwen": ["model_type 'llava_qwen'"],
    "05-anyres-max/mlp3x": ["mm_projector_type 'mlp3x_gelu'", "mlp2x_gelu"],
    "05-anyres-max/start_end": ["mm_use_im_start_end True"],
    "06-qwen-bias/llava-qwen-with-sp-tokenizer": ["model_type 'llava_qwen'"],
    "06-qwen-bias/unmerged-lora-in-shards": ["model.layers.0.self_attn.q_proj.lora_A.default.weight", "merge"],
    "08-quantised-weights/int8-bnb": ["config.json", "quantization_config 'bitsandbytes'", "float16"],
    "08-quantised-weights/fp8-compressed": ["quantization_config 'compressed-tensors'"],
    "08-quantised-weights/nf4-bnb": ["quantization_config 'bitsandbytes'"],
    "08-quantised-weights/gptq": ["quantization_config 'gptq'"],
    "11-tuned-tower-ignored/flag-but-no-tower-in-shards": [
        "config.json",
        "unfreeze_mm_vision_tower: true",
        "no vision",
    ],
    "11-tuned-tower-ignored/emma-without-bin-keeps-keys": ["vision_tower.bin is missing", "alignment"],
    "12-no-eos/eos-minus-1": ["generation_config.json", "eos_token_id", "eos_token_id[0] -1"],
    "12-no-eos/eos-32000": ["generation_config.json", "eos_token_id 32000", "640"],
    "12-no-eos/eos-empty-list": ["eos_token_id", "[]"],
    "12-no-eos/eos-true": ["eos_token_id", "eos_token_id[0] True"],
    "12-no-eos/eos-float": ["eos_token_id", "eos_token_id[0] 2.0"],
}

# Words of the line that says what was loaded.
LOADED = {
    "04-mistral-template/llava-llama-2-13b-chat-pad": "conversation template vicuna_v1 (the default)",
    "04-mistral-template/llava-mistral-pad": "conversation template mistral_instruct (of model_type llava_mistral)",
    "04-mistral-template/llava-sliding-16": "sliding window of 16 tokens ignored, as in LLaVA's own code",
    "05-anyres-max/square": "images not padded",
    "11-tuned-tower-ignored/tuned-tower-no-flag": "NOTE: the shards hold a vision tower that differs",
    "11-tuned-tower-ignored/tuned-tower-with-flag": "vision tower the shards",
    "11-tuned-tower-ignored/emma-without-vision-tower-bin": "LLaVA-1.5 (no alignment module)",
    "12-no-eos/eos-null": "LLaVA-1.5",
    "12-no-eos/eos-list": "LLaVA-1.5",
    "12-no-eos/no-file": "LLaVA-1.5",
}
