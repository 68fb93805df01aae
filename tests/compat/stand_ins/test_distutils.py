def test_runner_start_up_without_distutils(run_python):
    out = run_python(
        """
        import eva_mm
        from mmengine.utils.dl_utils import collect_env
        environment = collect_env()
        import distutils
        print('stand_ins' in distutils.__file__, 'GCC' in environment)
        """,
        hidden=('distutils', 'setuptools'),
    )
    assert out.split()[-2:] == ['True', 'True']
